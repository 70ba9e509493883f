"""splitplot: from one YAML study to one report. What can be asked for; the rules are in workflow/rules.

snakemake --profile local                             every study of config/config.yaml
snakemake --profile local results/demo/report.html    one report
snakemake --profile local results/demo/rehearsal.html the whole analysis on simulated answers
snakemake -n                                          what would run, be sent, and cost
snakemake --profile local --config study=gsm8k        another study
snakemake --profile slurm                             the same, with the heavy jobs on a cluster
"""


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/design.smk"
include: "workflow/rules/generate.smk"
include: "workflow/rules/calls.smk"
include: "workflow/rules/looks.smk"
include: "workflow/rules/scores.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/rehearsal.smk"


# Snakemake has a scheduler now: from here on, a request to stop waits for the jobs that run.
onstart:
    name_jobs()
    record_waves()
    DRAIN.schedule_by(stop_scheduling)
    lift_default_job_rate()


onerror:
    print(failure_hint(), file=sys.stderr)


# On a cluster, these stay on the machine that the run was started on: they are light, or they need its
# network. The others become jobs: generate, scores, look_scores, inference, rehearsal.
localrules:
    all,
    items,
    requests,
    estimate,
    submit,
    poll,
    responses,
    responses_so_far,
    item_responses,
    item_responses_csv,
    look,
    costs,
    report,


rule all:
    default_target: True
    input:
        lambda w: [
            path
            for study in STUDIES
            for path in targets.stage_files(plan_of(study), partial=PARTIAL)
        ],

# Local models: one job asks for a part of a trial in all its conditions, so that the model is loaded once.


# Never an array of Slurm (slurm-array-jobs): an array gives all its jobs what the first one asks for.
rule generate:
    input:
        requests=lambda w: targets.trial_part_files(
            plan_of(w.study), paths.REQUESTS, w.trial, w.part
        ),
    output:
        paths.GENERATED,
    log:
        f"{paths.LOGS}/generate/{{trial}}/{{part}}.log",
    conda:
        lambda w: f"../../envs/{job_resources.environment(trial_of(w))}.yaml"
    threads: lambda w: job_resources.threads(trial_of(w))
    resources:
        **asked_for_model(),
    shell:
        'python "$SPLITPLOT_SCRIPTS"/generate_answers.py --plan results/{wildcards.study:q}/plan.json '
        "--calls results/{wildcards.study:q}/calls --trial {wildcards.trial:q} --part {wildcards.part:q} "
        "--ledger results/ledger --output {output:q} --log {log:q}"

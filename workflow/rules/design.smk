# The design: versions of what stages depend on, the plan, the items.


localrules:
    digest,
    plan,


# A change of a digest asks for a file that is not there: what depends on it runs again, even where
# Snakemake's own records of params and code have been lost. The old stamps go, so that a way back is
# a change too (numbers of replications stand side by side: cells may differ in them).
rule digest:
    output:
        paths.DIGEST,
    conda:
        "../../envs/base.yaml"
    shell:
        "printf '%s\\n' {wildcards.stage:q} {wildcards.digest:q} > {output:q}; "
        "[ {wildcards.stage:q} = replications ] || "
        "find $(dirname {output:q}) -type f ! -name {wildcards.digest:q} -delete"


rule plan:
    input:
        stamp("plan"),
    output:
        paths.PLAN,
    log:
        paths.LOGS + "/plan.log",
    conda:
        "../../envs/base.yaml"
    shell:
        "python {SCRIPTS}/plan_study.py --study {STUDIES_FOLDER}/{wildcards.study:q}.yaml --output {output:q} > {log:q} 2>&1"


rule items:
    input:
        stamp("items"),
        plan=ancient(paths.PLAN),
        files=lambda w: item_files(plan_of(w.study)),
    output:
        item_table=paths.ITEMS,
        provenance=paths.PROVENANCE,
    log:
        paths.LOGS + "/items.log",
    conda:
        "../../envs/base.yaml"
    shell:
        "python {SCRIPTS}/load_items.py --plan {input.plan:q} --items {output.item_table:q} "
        "--provenance {output.provenance:q} > {log:q} 2>&1"

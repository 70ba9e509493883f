# Inference, costs, and the report.


rule inference:
    input:
        version("inference"),
        item_table=paths.ITEMS,
        table=paths.TABLE,
    output:
        paths.INFERENCE,
    log:
        f"{paths.LOGS}/inference.log",
    conda:
        "../../envs/base.yaml"
    shell:
        'python "$SPLITPLOT_SCRIPTS"/infer.py --plan results/{wildcards.study:q}/plan.json --table {input.table:q} '
        "--items {input.item_table:q} --ledger results/ledger --output {output:q} > {log:q} 2>&1"


rule costs:
    input:
        version("costs"),
        responses=lambda w: targets.response_files(plan_of(w.study), partial=PARTIAL),
        receipts=lambda w: targets.generated_files(plan_of(w.study), partial=PARTIAL),
    output:
        paths.COSTS,
    log:
        f"{paths.LOGS}/costs.log",
    conda:
        "../../envs/base.yaml"
    shell:
        'python "$SPLITPLOT_SCRIPTS"/sum_costs.py --plan results/{wildcards.study:q}/plan.json '
        '--calls results/{wildcards.study:q}/calls --answers "$SPLITPLOT_ANSWERS" '
        "--output {output:q} > {log:q} 2>&1"


rule report:
    input:
        version("report"),
        lambda w: targets.middle_files(plan_of(w.study), partial=PARTIAL),
        item_table=paths.ITEMS,
        provenance=paths.PROVENANCE,
        table=paths.TABLE,
        inference=paths.INFERENCE,
        costs=paths.COSTS,
    output:
        html=paths.REPORT,
        markdown=paths.REPORT_MD,
        json=paths.REPORT_JSON,
        purchase=paths.NEXT,
        tables=expand(
            paths.REPORT_TABLE,
            table=paths.REPORT_TABLES,
            kind=paths.TABLE_KINDS,
            allow_missing=True,
        ),
    log:
        f"{paths.LOGS}/report.log",
    conda:
        "../../envs/base.yaml"
    shell:
        'python "$SPLITPLOT_SCRIPTS"/write_report.py --plan results/{wildcards.study:q}/plan.json --items {input.item_table:q} '
        "--provenance {input.provenance:q} --table {input.table:q} --inference {input.inference:q} "
        "--costs {input.costs:q} --folder $(dirname {output.html:q}) > {log:q} 2>&1"

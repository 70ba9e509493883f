# The items of a study.


rule items:
    input:
        version("items"),
    output:
        item_table=paths.ITEMS,
        provenance=paths.PROVENANCE,
    log:
        f"{paths.LOGS}/items.log",
    conda:
        "../../envs/base.yaml"
    shell:
        'python "$SPLITPLOT_SCRIPTS"/load_items.py --plan results/{wildcards.study:q}/plan.json --items {output.item_table:q} '
        "--provenance {output.provenance:q} > {log:q} 2>&1"

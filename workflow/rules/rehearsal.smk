# The whole analysis on simulated answers, before the data; on request only. Needs the items, sends nothing.


rule rehearsal:
    input:
        version("rehearsal"),
        item_table=paths.ITEMS,
    output:
        html=paths.REHEARSAL,
        json=paths.REHEARSAL_JSON,
    log:
        f"{paths.LOGS}/rehearsal.log",
    conda:
        "../../envs/base.yaml"
    shell:
        'python "$SPLITPLOT_SCRIPTS"/rehearse.py --plan results/{wildcards.study:q}/plan.json --items {input.item_table:q} '
        "--ledger results/ledger --html {output.html:q} --json {output.json:q} > {log:q} 2>&1"

# Of a study that may stop early: the decision after each look, on which the requests of the next wait.


rule look_scores:
    input:
        version("scores"),
        item_table=paths.ITEMS,
        grid=lambda w: look_parts(w, paths.GRID),
        responses=lambda w: look_parts(w, ANSWERS),
    output:
        paths.LOOK_SCORES,
    log:
        f"{paths.LOGS}/look_scores/{{look}}/{{trial}}/{{condition}}.log",
    group:
        "look_scores"
    conda:
        "../../envs/base.yaml"
    shell:
        'python "$SPLITPLOT_SCRIPTS"/score_cell.py --plan results/{wildcards.study:q}/plan.json --items {input.item_table:q} '
        "--trial {wildcards.trial:q} --condition {wildcards.condition:q} --look {wildcards.look:q} "
        '--calls results/{wildcards.study:q}/calls --answers "$SPLITPLOT_ANSWERS" '
        "--output {output:q} > {log:q} 2>&1"


rule look:
    input:
        version("looks"),
        scores=lambda w: targets.look_score_files(plan_of(w.study), w.look),
    output:
        paths.LOOK,
    log:
        f"{paths.LOGS}/look/{{look}}.log",
    conda:
        "../../envs/base.yaml"
    shell:
        'python "$SPLITPLOT_SCRIPTS"/decide_look.py --plan results/{wildcards.study:q}/plan.json '
        '--look {wildcards.look:q} --answers "$SPLITPLOT_ANSWERS" --ledger results/ledger '
        "--output {output:q} > {log:q} 2>&1"

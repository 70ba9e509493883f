"""The words by which a clause gives an answer all the same, and those by which it only talks about it."""

import re

from splitplot.scoring.abstain_words import THE_SOURCE, any_of

NO_ANSWER = re.compile(
    r"\b(?:not|no|none|nothing|nobody|never|neither|nor|impossible|insufficient|n/a|idk|lacks?|silent"
    r"|hard to"
    r"|difficult to|un(?:known|clear|answerable|specified|stated|able|certain|sure|fortunately))\b"
)
"""In a clause that would give an answer: it does not."""

CONTRARY = re.compile(r",? (?:and )?not [^,]{1,60}$")
"""What an assertion denies at its end ("in Aalst, not in Ghent")."""

ASKING = re.compile(
    r"\b(?:who|whom|whose|what|when|where|which|why|how|you|your|sorry|really|right|ok|okay|huh|pardon"
    r"|why not|anyone|clear)\b"
)
"""In a question that is one."""

REPORTED = re.compile(
    r"^(?!(?:i|we|you|there) )[^,;:]{1,80}\b(?:said|told|wrote|claimed|declared|replied|answered|argued"
    r"|ruled|concluded"
    r"|found|complained|believed|thought|admitted|feared|knew|realised|realized|reported|noted"
    r"|announced)(?: \w{1,20}){0,2} that\b"
    r"|^(?!i )(?:[\w'-]{1,30} ){0,4}?[\w'-]{1,30} (?:means|stands for|refers to|(?:is|was) (?:the"
    r"|a) (?:view|belief|idea|claim|theory|name|term|word|doctrine|position))\b"
)
"""What others said, or held."""

REASON_OR_KIND = re.compile(
    r"^(?:because|since)\b|^(?:(?:it|he|she|this|that) (?:is|was) )?an? (?:[\w'-]{1,30} ){1,8}?(?:whose"
    r"|who|whom|which|that)\b"
)
"""A reason, or a noun with what is said of it."""

_NOT_AFTER_WHO = "".join(f"(?<!{word} )" for word in ("who", "what", "when", "where", "how"))
GUESS = re.compile(
    r"\b"
    + any_of(
        "i (?:do )?(?:think|believe|guess|suspect|assume|imagine|reckon|recall|remember)(?: that)?",
        "i would (?:say|guess|assume|think|go with|go for|bet on|lean towards?|put it)|i am going with",
        "something like|i would have to say|i will (?:go with|say)|my (?:money|bet) (?:is|would be) on"
        "|i lean towards?",
        "(?:my|best|educated|a reasonable|a rough|a fair) (?:\\w{1,12} )?(?:guess|estimate|bet) (?:is"
        "|would be)|at a guess",
        "if i had to (?:guess|choose|say|answer)|probably|possibly|presumably|perhaps|maybe|apparently"
        "|supposedly",
        "(?:most |very |is |quite |seems )likely|(?:it|that|this) (?:looks like|seems to be"
        "|appears to be)",
        "from (?:my|general) knowledge|if memory serves|as far as i (?:know|recall|remember)"
        "|if i recall correctly",
        "(?:the|correct|right|best|likely|expected) answer (?:is|was|must be|would be|should be"
        "|seems to be)",
        "(?:can|could|may|might) (?!not )(?:\\w{1,12} )?be (?:inferred|deduced|assumed|concluded|read"
        "|estimated|gathered|worked out)(?: that)?",
        "(?:generally|commonly|widely|usually|traditionally|often) (?:known|believed|accepted|thought"
        "|held|said|assumed)",
        "(?:historically|in (?:reality|fact)|based on (?:my|general) knowledge)",
        _NOT_AFTER_WHO
        + r"\b(?:it|he|she|they|this|that) (?:might|may|could|must|would|should)"
        + r" (?:well )?(?:be|have been)",
    )
    + r"\b[,:]?"
)
"""An answer is given, with doubt; what follows is the answer, unless it says that there is none."""

ATTRIBUTED = re.compile(
    r"\b(?:(?:historians|scholars|experts|most|some|many|sources|estimates|tradition|legend|records"
    r"|researchers) "
    r"(?:\w{1,12} )?(?:put|say|think|believe|estimate|range|suggest|give|credit|place|agree|date|hold"
    r"|has it|vary between)s?"
    r"|(?:is|are|was|were) (?:\w{1,12} )?(?:credited|attributed|believed|thought|estimated|considered"
    r"|dated|put at|reckoned)"
    r"|(?:leading|main|prevailing|usual|common|popular|best) (?:theory|explanation|view|hypothesis"
    r"|estimate|guess))\b"
)
"""What others hold."""

IMPLIES = re.compile(
    r"\b(?:makes? (?:it )?(?:clear|plain)|implies|imply|suggests?|indicates?|points? to|strongly|hints?"
    r"|shows?"
    r"|leaves? no doubt|allows? us to|lets us|we can (?:infer|conclude|tell|see|work)|gives? it"
    r"|describes? (?:it|him|her|them) as)\b"
)
"""The source lets the answer be told."""

ESTIMATE = re.compile(
    r"\b(?:about|around|roughly|approximately|approx|circa|ca|nearly|almost|estimat\w{1,5}|between"
    r"|at least|more than"
    r"|some|over|up to)\b|\d"
)
"""A figure."""

_YOU = r"you(?:r|rs|rself)?"
TALK = re.compile(
    r"^it (?:does |only |just |merely |also |simply ){0,2}(?:says?|mentions?|states?|notes?|tells?"
    r"|describes?|discusses|covers?|gives?|talks?|speaks?)\b|"
    rf"\b(?:{_YOU}|please|sorry|apologi[sz]e|apologies|thanks?|thank|my|we|our|i|me)\b"
    r"|^(?:(?:first|next|then|now|also|and),? )?(?:step|question|q|a|note|hmm+|well|ok|okay|yes|sure"
    r"|great|good|tough|hello|hi|let|looking|reading"
    r"|find|check|identify|look|consider|as an ai|based on|according|perhaps try|try|see|consult"
    r"|feel free|contact|ask"
    r"|conclusion|answer|summary|reasoning|explanation|reason|analysis|thinking|unfortunately"
    r"|interesting|nice|honestly|given|no|thought|evidence)\b(?!\w)"
    r"(?![^,]{0,30} (?:is|was|were|are) (?!that|about|asking|looking|whether))"
    r"|\b(?:the|this|that|your) (?:question|answer|premise|query|prompt|name given)\b"
    r"|\b(?:might|may|could|would|should) (?:be able to )?(?:help|know|have|contain|tell|answer|list"
    r"|say)\b"
)
NO_CLAIM = re.compile(
    r"\b"
    + any_of(
        "sorry|apologi[sz]e|afraid|unfortunately|hmm|well|ok|okay|sure|yes|no|let me|thanks?",
        "thank you|great|good|interesting|honestly|question|help|tried|read|looked|checked|searched",
        "would (?:love|like)|wish|i see|hello|hi|as an ai|based on|according to|answer|you|your",
        "please|passage|text|context|article|excerpt|paragraph|document|tough|step",
    )
    + r"\b"
)
"""Words of talking about the question: a short clause with one of them is no answer."""

SOURCED = re.compile(
    rf"^(?:(?:in|from|looking at|throughout|reading|although|while|and|also|all"
    rf"|what) )?(?:{THE_SOURCE})(?: (?!of)|$)"
    r"|\b(?:the|this|that|your) (?:\w{1,20} ){0,2}?(?:passage|text|article|context|excerpt|paragraph"
    r"|snippet)\b"
    r"|^(?:passage|text|article|context)\b"
)
"""It is about the source."""

REFERS = re.compile(
    r"^(?:it|that|this|he|she|they|in|on|at|about|around|by|from|between|yes)\b|^\W?\d"
)
"""How a clause begins that can be an answer before "but"."""

ACCORDING = re.compile(
    rf"(?:^|(?<=[.!?;,:] ))(?:according to|based on|per|as per|as stated in|from|judging (?:by|from)"
    rf"|in) {THE_SOURCE}, (?!\w{{1,12}} (?:can|could) not)"
)
"""Where an answer is from, before it."""

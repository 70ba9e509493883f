"""The words by which a response declines for want of knowledge, in the spelling of `abstain_spelling`.

Every repetition is bounded or of single words, so that no text takes more than time in proportion to it.
"""

import re

from splitplot.scoring.abstain_words import (
    ASKED,
    CAN_NOT,
    FACTS,
    FIND_OUT,
    FOUND_OUT,
    LY,
    STATED,
    TELL,
    TELLS,
    THE_SOURCE,
    TOLD_OF,
    WORD,
    any_of,
)

_STOP = rf"(?=[.,;:!?)]|$| (?:so|and|but|or|because|as|since|either|though|{ASKED})\b"
_GROUNDS = (
    "(?:from|based on|given|using|with|in|by|within|on the basis of)"
    f" (?:{THE_SOURCE}|this|that|it|what)"
)
_ENDS = rf"{_STOP}| (?:{_GROUNDS}|from|based on|to (?:me|us)|at this time|here|with (?:any )?certainty))"
_PERSON = any_of(
    "i|we|one|you|nobody|no one|no-one|anyone|anybody",
    "(?:the|any|a|this) (?:ai |language )?(?:model|reader|assistant|system|ai)|readers?",
    "(?:historians|scholars|experts|scientists|researchers|archaeologists|people)",
)

ABOUT_SOURCE = re.compile(
    any_of(
        rf"\bnot {LY}{TOLD_OF}(?: {WORD})?(?: (?:in|by|within|from|anywhere in|of|to))? {THE_SOURCE}\b",
        rf"\b{THE_SOURCE} (?:do|does|did) not,? {LY}(?:{WORD} )?{TELL}\b",
        rf"\bdo not (?:think|believe|see) (?:that )?(?:where )?{THE_SOURCE} (?:{WORD} )?{TELL}s?\b",
        rf"\b{THE_SOURCE} (?:can not|could not|is not able to|is unable to) {LY}(?:{WORD} )?answer\b",
        rf"\b{THE_SOURCE} (?:makes?|made|has|had|gives?|gave|provide[sd]?|contain(?:s|ed)?|holds?|carries"
        rf"|offers?|includes?|names?|mentions?|lists?|supplies|shows?|says?|cites?|sheds?) (?:nothing\b"
        rf"|(?:no|neither|not a) \w)",
        rf"\b{THE_SOURCE} (?:never|nowhere|fails? to|lacks?|omits?|skips|is (?:completely |entirely )?"
        r"(?:silent|unclear|vague|mute|ambiguous)|(?:stops|breaks off|cuts off|ends|finishes"
        r"|is cut off)(?: short)?(?: before| without|$)"
        r"|leaves? (?:it|this|that|the|open|out|unsaid|us|his|her|its|who|what|when|where|why|how))\b",
        rf"\b(?:nowhere|nothing|no {WORD}|not (?:anywhere|a word|one)) (?:in|from|on) {THE_SOURCE}\b",
        rf"\bnone of {THE_SOURCE}\b",
        rf"\b(?:(?:absent|missing|left out|omitted) (?:from|of|in)|beyond"
        rf"|outside)(?: (?:the )?scope of)? {THE_SOURCE}\b",
        rf"\b(?:i|we|one|you) {CAN_NOT} {LY}{FIND_OUT}\b[^.!?]{{0,60}}"
        rf" (?:from|in|based on|using|with) {THE_SOURCE}\b",
        rf"\b(?:from|based on|in|given|using) {THE_SOURCE}\b[^.!?]{{0,30}}"
        rf"\b(?:i|we|one|you) {CAN_NOT} {LY}{FIND_OUT}\b",
        rf"\b(?:is|was|are) not (?:a (?:thing|detail|fact|question|point) |anything "
        rf"|something )?(?:that |which )?"
        rf"{THE_SOURCE} (?:{TELLS}|answers|tell|cover|goes into)\b",
        r"(?:\b(?:is|are|was|be|seems|remains|appears|as)|[:,]) (?:therefore |thus "
        r"|simply )?unanswerable\b",
        r"\bunanswerable (?:from|given|based|as|with|using|here)\b",
        r"\bnot answerable\b|\bdo not (?:know|have) the answer\b",
        r"\b(?:not enough|insufficient|too little|no sufficient|not sufficient|nowhere near enough)"
        r" (?:information|info|context|data|details?|evidence|to go on|here|in)\b",
        r"\bquestion (?:can not be answered|has no answer|makes no sense|does not make sense"
        r"|goes unanswered"
        r"|can not (?:really )?be settled|is left (?:open|unanswered))\b",
    )
)
"""What was to be answered from does not say it: an abstention, be there a refusal beside it."""

PARTIAL = re.compile(
    any_of(
        rf"\ball (?:that )?{THE_SOURCE} {TELLS}\b|\b{THE_SOURCE} {TELLS}\b[^.!?]{{0,160}}\b(?:and"
        rf"|but) (?:does|do|did) not {LY}{TELL}\b",
        rf"\b{THE_SOURCE} (?:{LY})(?:only|just|merely|simply) {TELLS}\b",
        rf"\b{THE_SOURCE} {TELLS} (?:only|just|merely|nothing|little)\b",
        rf"\b{THE_SOURCE} {TELLS}\b[^.!?]{{0,160}}(?:,| and) not {ASKED}\b",
        rf"^(?:just |just not |but )?not {ASKED}\b|^(?:only|just) .{{1,60}} (?:is|are|was"
        rf"|were) {STATED}(?:$|,)",
        rf"^it (?:only|just|merely) {TELLS}\b|^it {TELLS}\b[^.!?]{{0,120}}, not {ASKED}\b",
        rf"\b{THE_SOURCE} (?:is|was|concerns|deals|covers|discusses|focuses|describes"
        rf"|speaks)\b[^.!?]{{1,80}}, not (?!that|because|in|on|at)",
        rf"\b{THE_SOURCE} (?:is about|is on|concerns|deals with|covers|describes|discusses) (?:an? "
        rf"|some )?(?:\w{{1,20}} )?(?:different|another|other|unrelated|else)\b",
    )
)
"""The source says a part of it ("only says that …", "…, not when")."""

NOT_THIS = re.compile(
    rf"^(?:just )?not (?:(?:of|on|by|for) )?(?:{ASKED}|the|its?|his|her|their|any|an?|that|by whom)\b"
)
"""How a clause goes on after one of what the source says: "… but not where she died"."""

NOR_IT = re.compile(
    r"^(?:and |but |so |yet )?(?:(?:it|they|this|that|he|she)(?: \w{1,12}ly)? )?(?:(?:gives?|contains?"
    r"|mentions?|names?|provides?|offers?"
    r"|includes?|says?|tells? us|has|lists?|cites?|supplies) (?:no|nothing|neither|none)"
    rf"|(?:do|does|did) not {LY}(?:{WORD} )?{TELL}|never (?:says?|tells?|mentions?|gives?|names?|states?"
    rf"|specif)"
    r"|is silent|leaves? (?:it|that|this|the|open|out|un))\b|\bit (?:says|gives|tells us|mentions|offers"
    r"|has) (?:nothing|no \w)"
)
"""The same of "it", after a clause about the source."""

ELLIPTIC = re.compile(r"\b(?:is|are|was|were|does|do|did) not$")
"""The same, as in "but his age is not"."""

TOLD = re.compile(rf"\b(?:{STATED}|mention|mentions)\b")

UNKNOWING = re.compile(
    any_of(
        rf"\b(?:i|we|readers?|the model|the assistant) (?:really |honestly |simply |just |actually )?"
        rf"(?:do|does) not {LY}know\b(?! (?:why|what|how|if|whether) you\b)(?! how to (?!answer|respond"
        rf"|tell|find))",
        r"\b(?:i|we) (?:did|would) not know\b|\bif only i knew\b|\bwish i (?:knew|could (?:say|tell"
        r"|answer))\b",
        rf"\b(?:nobody|no one|no-one|none of us) (?:{WORD} )?(?:knows|can (?:say|tell)|could (?:say"
        rf"|tell))\b",
        r"\b(?:historians|scholars|experts|scientists|researchers"
        r"|archaeologists) (?:still )?do not (?:\w{1,12} )?know\b",
        rf"\b{_PERSON} (?:(?!who|that|which)\w{{1,12}} )?{CAN_NOT} {LY}{FIND_OUT}\b",
        rf"(?:^|[.!?;,] |so )(?:unable|not able) to {FIND_OUT}\b",
        rf"(?:^|[.!?;] |so )(?:can|could) not {LY}{FIND_OUT}\b",
        rf"\b(?:i|we) have (?:absolutely |really |honestly )?(?:no|not a|nothing|zero) (?:{WORD} )?"
        rf"(?:idea|clue|notion|recollection|memory|{FACTS}|way (?:of|to)|record|answer|on (?:that|this"
        rf"|him|her|it))\b",
        rf"\b(?:i|we|the model|the assistant) (?:do|does) not {LY}have (?:{WORD} ){{0,4}}?"
        rf"(?:{FACTS}|answer|idea|clue|access|records?|figures?|numbers?|source)\b",
        r"\b(?:i|we) (?:have not|have never) (?:\w{1,12} )?(?:got )?(?:an? |any |the )?(?:clue|idea"
        r"|foggiest|faintest"
        r"|heard|come across|read|seen|encountered|learn(?:ed|t)|met)\b",
        r"\bnever heard of\b|\bnot (?:ringing|ring) (?:a|any) bells?\b|\brings no bells?\b"
        r"|\bdraw(?:ing|s)? a blank\b|\bescapes me\b|\bslip(?:ped|s) my mind\b|\b(?:over"
        r"|above) my head\b",
        rf"\b(?:i|we) (?:do|can) not {LY}(?:recall|remember|recogni[sz]e|know of|place)\b",
        r"\b(?:i|we) (?:forget|forgot|have forgotten|lack (?:the|any|enough|sufficient|reliable))\b",
        rf"\b(?:am|are) not (?:{WORD} )?(?:aware of|familiar with|acquainted with|knowledgeable"
        rf"|an expert)\b",
        r"\b(?:i am|we are|me,? |am) (?:\w{1,12} )?(?:unfamiliar with|unaware of|stumped|at a loss"
        r"|in the dark)\b"
        r"|\b(?:is|are) (?:un|not )familiar to me\b",
        rf"\b(?:i|we) (?:have not|was not|were not|are not|am not|are never) {LY}(?:given|told|provided"
        rf"|shown|informed)\b",
        rf"\b(?:the )?readers? (?:is|are) (?:not|never) {LY}(?:told|informed|given)\b"
        rf"|\bleft without (?:an|any) answer\b"
        r"|\bleft (?:guessing|in the dark|to wonder)\b",
        rf"\b(?:can|could) not {LY}(?:be )?{FOUND_OUT}{_ENDS}|\bis unable to be {FOUND_OUT}\b",
        r"\b(?:answer|information|it|this|that) (?:can|could) not be found\b",
        r"\b(?:is|was|it|seems|quite|be|^)(?: not| simply| just| really)? ?(?:impossible|not possible"
        r"|hard|difficult|tough) (?:for me |for us )?to"
        rf" {LY}(?:determine|say|tell|know|answer|establish|pin ?(?:this|that|it)? ?down)\b",
        r"\bno (?:reliable |good |real )?way (?:for (?:me|us|anyone) )?(?:to|of) (?:\w{1,12} )?(?:know"
        r"|tell|determine|say|answer|find|be sure|check)",
        r"\byour guess is as good as mine\b|\banyone's guess\b|\bwho knows\b|\b(?:god|heaven|goodness"
        r"|lord) (?:only )?knows\b",
        rf"(?<!had )(?<!with )(?<!have )\bno (?:{WORD} )?(?:information|mention|indication|details?"
        rf"|trace|reference|record|evidence|word)"
        r"(?: (?:(?:is|are|was) (?:given|provided|found|made)|(?:is|are) available|about|on|of|in"
        r"|regarding"
        r"|as to|concerning|given|provided|available|that|here|to|anywhere))\b",
        r"\bno (?:clear |specific |definite |definitive |direct |certain )?answer (?:is |was |can be "
        r"|could be )?"
        rf"{LY}(?:given|provided|available|found|stated|known|in the|to (?:this|the|that|give|be|offer)"
        rf"|possible|here|from)\b",
        rf"\bno (?:{WORD} ){{1,5}}?(?:is|are|was|were|has been) {LY}{STATED}{_STOP}| (?:for|in|here|by"
        rf"|anywhere))",
        rf"\bneither (?:{WORD} ){{1,8}}?nor (?:{WORD} ){{1,8}}?(?:is|are|was|were"
        rf"|has been) {LY}{STATED}\b",
        r"\bnothing (?:is|was|here|there|has been|at all is)(?: \w{1,12})? ?(?:said|stated|mentioned"
        r"|known|given|written|recorded|about|that|to)\b",
        r"\b(?:there is|i see|i find|i found|i can see|can find|i have|is) (?:nothing|not a word|none"
        r"|no (?:information|info|data|details?|indication|clue|hint|text|sign))"
        r" (?:here |there |said |written )?(?:about|on|regarding|to (?:say|go on|give|answer|indicate"
        r"|suggest|report|tell)"
        r"|that (?:says|tells|indicates|answers|mentions))\b",
        r"\b(?:there (?:is|was|were|are)|i (?:know|find|see) of|know|find|mentions"
        r"|describes) no such (?!thing)|^no such \w{1,20}(?: \w{1,20})? "
        r"(?:is|was|exists?|existed|appears?|took|event|ever)",
        r"\b(?:is|are|was|were|remains?|stays?|left) (?:still |currently |unfortunately |largely |left "
        r"|simply |therefore |to this day )?"
        rf"(?:unknown|unclear|unspecified|unstated|undetermined|undisclosed|unanswered|unsaid|uncertain"
        rf"|unrecorded|a mystery"
        rf"|open|not {LY}(?:known|clear|certain))"
        rf"{_ENDS}",
        r"\b(?:is|was) (?:unclear|not clear|uncertain|unknown|not known|undetermined) (?:to \w{1,10} )?"
        rf"(?:{ASKED}|from|at)\b",
        rf"\b(?:is|are|was|were|has been|have been) (?:not|never) {LY}{STATED}"
        rf"(?: (?:explicitly|directly|anywhere|here|outright|at all|exactly))?{_STOP}| in (?:it|this"
        rf"|that)\b)",
        rf"\b{ASKED}[^.,;:!?]{{0,60}} (?:is|was|are|were) (?:not|never) {LY}(?:{STATED}|said|known|clear"
        rf"|explained)\b",
        r"\b(?:information|detail|answer|fact|part|name|date|figure|year) (?:is|are|seems|appears to be) "
        r"(?:\w{1,12} )?(?:missing|absent|lacking|not (?:there|here|in there|available|present|something"
        r"|one))\b",
        r"\bnot (?:something|a (?:name|fact|detail|thing|person|term|title|date)|anything|one) (?:that "
        r"|which )?(?:i|we)(?: \w{1,12})?"
        r" (?:know|am familiar|have|recogni[sz]e|can (?:say|tell|find|confirm|determine|answer from"
        r"|verify)|could find|remember|recall|see|happen)\b",
        r"\b(?:beyond|outside|not (?:in|within|part of)) (?:of )?(?:my|the model's|what i) "
        r"(?:\w{1,12} )?(?:knowledge|ken|training|memory|data|know|records|reach)\b",
        r"\b(?:would|will|can|do|could|prefer|rather|going|want|refuse|better|need|like"
        r"|able)(?: not)?(?: to)? "
        r"(?:only |just |merely |simply |rather |not |to |have to ){0,3}(?:be )?(?:guessing|speculating"
        r"|speculate"
        r"|mak(?:e|ing) (?:something|it|one|this|that|an answer|things|up)|invent(?:ing)?|fabricat(?:e"
        r"|ing)|a (?:pure |mere |wild )?guess\b"
        r"|pure (?:guess|specul)|speculation|guesswork)\b",
        r"\b(?:not|rather not|without|not to|against|no point in|instead of|than|refrain from"
        r"|avoid) (?:just |merely |simply |want to |going to |like to |to )?"
        r"(?:guess(?:ing)?(?! (?:it|that|is|was))|hazard(?:ing)?|speculat(?:e|ing)|mak(?:e"
        r"|ing) (?:something|it|one) up|invent(?:ing)?)\b",
        r"\bleav(?:e|ing) (?:this|that|it|the question|the answer)(?: \w{1,12})? (?:open|blank"
        r"|unanswered|empty)\b",
        r"(?<!you )\b(?:need|require|want) (?:\w{1,12} )?(?:more|further|additional|some"
        r"|the) (?:\w{1,12} )?"
        r"(?:information|context|details?|passage|text|data|to go on)\b",
        r"\bno (?:passage|text|context|document|article|excerpt) (?:was|has been|is|seems|came|to)\b"
        r"|\byou (?:have not|did not|forgot to) (?:actually )?(?:provide|given?|include|attach|share"
        r"|paste|say|said|specif|told|tell|mention)",
        r"\bno (?:\w{1,20} )?(?:year|date|name|answer|figure|number|place|reason|value|person"
        r"|one)(?: \w{1,20})? "
        r"(?:to (?:give|name|report|state|offer|be found|speak of)|that (?:i|we) (?:can|could) (?:give"
        r"|name))\b",
        r"\b(?:do|does|did) not (?:\w{1,12} )?(?:tell|inform|say to) (?:me|us|the reader|readers)\b",
        r"\b(?:question|it|that|this|which) (?:does|did) not (?:say|specify|state|tell)\b",
        r"\b(?:any|an) (?:answer|number|name|date|figure|reply)\b.{0,40}\b(?:speculation|speculative"
        r"|guess(?:work)?)\b"
        r"|\b(?:irresponsible|unwise|pointless|misleading|dishonest|wrong|only be possible) (?:(?:of"
        r"|for) me |\w{1,10} )?to (?:guess|speculate|invent|make)",
        rf"\b(?:is|are|was|were) (?:left (?:out|unsaid|unstated|unexplained)|omitted|nowhere (?:{STATED}"
        rf"|found|said|to be found))\b",
        rf"\bneither {THE_SOURCE} nor\b|\b(?:readers?|we) (?:never|do not"
        rf"|does not) (?:\w{{1,12}} )?(?:learn|find out|hear|discover|get to)s?\b",
        rf"\bnone (?:of (?:them|these|those|it) )?(?:is|are|was|were) {LY}{STATED}\b|\bcame up (?:empty"
        rf"|with nothing|short)\b",
        r"\b(?:there|it) is not (?:one|any|anything|a thing|a word|there)(?:$| (?:about|here|in|on|that"
        r"|given))",
        r"\bdo(?:es)? not appear (?:anywhere|here|in (?:it|this|the (?:passage|text|article)))"
        r"|\btip of my tongue\b|\bcan not get it$",
        rf"\b(?:i|we) (?:did|do) not {LY}(?:find|spot|locate|possess|come across|see (?:any|that|it"
        rf"|where))\b",
        r"\b(?:goes|go|went|is left|remains) (?:un(?:mentioned|named|said|stated|explained|answered"
        r"|recorded|specified))\b",
        rf"\bdo(?:es)? not (?:{WORD} )?(?:come up|figure|feature|appear|occur"
        rf"|get a mention)(?: anywhere)? in {THE_SOURCE}\b",
        r"\b(?:information|context|data|text|passage|evidence|detail) (?:\w{1,12} )?is not (?:enough"
        r"|sufficient|adequate)\b"
        r"|\bmore (?:information|context|details?) (?:is|are|would be) (?:needed|required|necessary)\b",
        r"\bnot (?:got )?(?:a|the|any) (?:clue|foggiest|faintest)\b|\bi know (?:very |too |so "
        r"|next to )?(?:nothing|little|not enough)\b"
        r"|\btoo (?:thin|little|limited|vague|sketchy|ambiguous|scant|unclear"
        r"|sparse) (?:\w{1,12} ){0,3}?to (?:answer|say|tell|know)\b"
        r"|\bbetter not (?:answer|say|guess|commit)\b|(?<!if i )\bwould have to guess\b",
        r"\b(?:has|have|was|were) never (?:been )?(?:established|discovered|recorded|determined"
        r"|learn(?:ed|t)|solved|proven|settled|explained)\b"
        r"|\b(?:records?|accounts?|documents?) (?:do not|did not|have not|no longer) (?:survived?"
        r"|exist)\b|\bno (?:records?|accounts?) (?:survives?|exists?)\b",
        r"\bneither of (?:which|them|these) (?:is|was|are|says|tells|gives|answers)\b"
        r"|\bnot among (?:those|the|these)\b",
        r"\bhave to look (?:that|this|it) up\b|\bnot that i (?:know of|am aware of|can (?:see|tell"
        r"|recall))\b|\bnot my (?:area|field|subject)\b"
        r"|\blost me there\b|\bno telling\b|\banybody's guess\b",
        r"\b(?:is|was|know of) no \w{1,20}(?: \w{1,20})? (?:by that name|by this name|of that name"
        r"|called that|named that|like that)\b",
        r"\bwould (?:first )?(?:need|have) to (?:first )?(?:know|see|read|look|check|be told)\b",
        r"\bdo not see (?:a|an|any|the) (?:\w{1,20} ){0,2}?(?:passage|text|answer|mention|information"
        r"|document|attachment|name|date|figure|reference)\b",
        r"\blost (?:to history|in time)\b|\bbeats me\b|\bsearch me\b|\bgot me (?:there|stumped)\b"
        r"|\bdo not ask me\b"
        r"|\bno (?:earthly |bloody |freaking |real )?(?:clue|idea)\b(?! (?:of|that"
        r"|to))(?<!had no idea)(?<!has no idea)(?<!had no clue)|\bnot a clue\b|\b(?:i )?dunno\b|\bidk\b",
    )
)
"""Nobody here knows: an abstention unless an answer is given all the same, or the request is declined."""

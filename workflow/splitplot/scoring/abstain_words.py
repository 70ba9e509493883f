"""The words for the source of an answer, for telling and for finding out, of which the patterns are made."""


def any_of(*choices: str) -> str:
    """A pattern of any of the words in these lines, which stand apart by `|`."""
    return f"(?:{'|'.join(choices)})"


WORD = r"[\w'-]{1,30}"
ADVERB = any_of(
    "really|honestly|simply|just|actually|currently|still|yet|also|even|explicitly|directly",
    "specifically|clearly|definitively|confidently|reliably|accurately|exactly|completely",
    "entirely|quite|very|so|too|at all|anywhere|here|ever|been|be|otherwise|further|possibly",
    "personally|necessarily|precisely|fully|truly|properly|safely|rightly|100% ?|sadly",
)
LY = rf"(?:{ADVERB} ){{0,3}}"

_PLAIN_SOURCE = "passage|text|article|context|excerpt|paragraph|extract|snippet"
_SOURCE = any_of(
    _PLAIN_SOURCE,
    "document|story|information|question|source|sources|material|section|description|author|writer",
    "narrator|chapter|entry|abstract|records|page|lines|sentences|texts|passages|paragraphs|reading",
    "documents|sentence|account|facts|data|wording|background|prompt|input",
)
_GIVEN = (
    "(?: (?:provided|given|itself|above|here|supplied|at hand|i have|i was given|you gave|you provided"
    "|you sent|you have given|we have|shown|presented|quoted|in question))?"
)
THE_SOURCE = any_of(
    rf"(?:the|this|that|your|my|these|those|both|any of the|either) (?:{WORD} ){{0,2}}?{_SOURCE}{_GIVEN}",
    rf"(?:{_PLAIN_SOURCE})(?= )",
    "what (?:i|we) (?:was|were|have been|am|are) (?:given|shown|told)",
    "what you (?:have )?(?:sent|gave|given|provided|pasted|shared|quoted)",
    "what is (?:given|written|provided|here|there|quoted)",
)
SOURCE_WORD = rf"\b(?:{_PLAIN_SOURCE}|author|document|question|information)s?\b"

TELL = any_of(
    "say|state|mention|specify|provide|give|contain|include|tell|indicate|describe|disclose",
    "reveal|discuss|address|answer|explain|name|list|offer|supply|cover|clarify|identify|detail",
    "elaborate|have|make (?:it )?clear|make (?:any )?mention|refer|touch|go into|note|report",
    "record|present|support|speak|talk|spell out|show|let|allow|help|hold|carry|go that far|extend",
    "get into|bring up|comment|confirm|establish|suggest|hint|concern|deal|use the|ever",
)
TELLS = any_of(
    "says|said|states|stated|mentions|mentioned|tells|told|gives|gave|provides|contains|includes",
    "names|lists|describes|discusses|covers|notes|reports|records|explains|refers|speaks|talks|indicates",
    "focuses|deals|goes|offers|has|is about|concerns|identifies|shows|deals|mention|say|give|name",
)
TOLD_OF = any_of(
    "stated|mentioned|specified|given|provided|said|discussed|addressed|described|included",
    "indicated|disclosed|found|contained|covered|named|listed|explained|revealed|available",
    "present|recorded|identified|clear|known|answered|answerable|in|part of|supported|written|told",
    "spelled out|spelt out|there|obvious|shown|reported|to be found|dealt with|touched on|referred to",
)
STATED = any_of(
    "stated|mentioned|specified|provided|disclosed|indicated|given|stipulated|named|recorded|listed",
    "reported|supplied|cited|identified|told|revealed|documented|spelled out|spelt out|noted",
    "made (?:clear|explicit|known|plain)|explained|described",
)
FIND_OUT = any_of(
    "answer|determine|tell|say|find|know|infer|confirm|verify|identify|establish|deduce|locate",
    "recall|remember|conclude|ascertain|pinpoint|be (?:sure|certain)|see (?:any|where|an|that|it)",
    "work (?:that|this|it) out|make out|come up with|think of|name (?:him|her|it|them|the|any)|place",
    "figure (?:that|this|it)? ?out|work out|offer an answer|settle|derive|give (?:a|any) (?:reliable"
    "|sure)",
    rf"(?:provide|give|offer|find)(?: you)?(?: with)? (?:an?|any|the|that) (?:{WORD} ){{0,2}}"
    "(?:answer|name|date|number|year|figure|information|details?|reason)",
)
FOUND_OUT = any_of(
    "determined|answered|known|inferred|established|deduced|ascertained|confirmed|verified",
    "identified|named|worked out|told|said|given|settled|concluded|derived",
)
CAN_NOT = any_of(
    "can not|could not|(?:am|are|was|were|is) (?:unable|not able) to",
    "will not be able to|would not be able to|fail to|failed to|would struggle to",
)
FACTS = "(?:information|info|mention|indication|details?|knowledge|data|context|evidence)"
ASKED = "(?:who|whom|whose|what|when|where|which|why|how|whether|if)"

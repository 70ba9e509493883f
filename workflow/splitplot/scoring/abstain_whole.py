"""Responses and first sentences that are nothing but an abstention, or a refusal."""

import re

from splitplot.scoring.abstain_words import FACTS, LY, STATED, THE_SOURCE, WORD, any_of

_INTRO = (
    r"(?:(?:oh|hmm+|uh|um+|well|honestly|sorry|i am sorry|unfortunately|sadly|i am afraid|to be honest"
    r"|tbh|apologies|ok|good question|tough one|hard one|answer|frankly)[,.:!]* (?:but )?){0,3}"
)
_VERB = "(?:is|was|are|were|remains)"
_SUBJECT = any_of(
    "it is|this is|that is|answer|information|info|details?|question|it remains",
    rf"(?:the|this|that) (?:(?!that |who |which ){WORD} ){{1,8}}?{_VERB}",
)
_CORE = any_of(
    "unknown|unclear|unspecified|unstated|undisclosed|unavailable|undetermined|indeterminate"
    "|inconclusive",
    f"n/?a|none (?:given|provided|{STATED})|(?:there is )?no (?:clear |known )?answer"
    f"|no info(?:rmation)?",
    rf"not (?:something )?{LY}(?:{STATED}|covered|available|known|answerable|sure|certain|enough {FACTS}"
    rf"|clear|found|applicable"
    r"|determinable|said|there|present|in there|covered|discussed|described|explained|included|reported"
    r"|possible to (?:say|tell|know|determine))",
    r"(?:there is |there was )?no mention(?: of (?:it|this|that|him|her|them))?|no data|no details?"
    r"|nothing (?:stated|said|given|mentioned)",
    "(?:i )?do not know|idk|dunno|i dunno|(?:i )?(?:can|could) not (?:say|tell|be sure|answer|know"
    "|tell you)",
    "unanswerable|insufficient (?:info(?:rmation)?|data|context|evidence|details?)|undeterminable",
    "(?:can|could) not be (?:determined|known|answered|inferred|established|said)|impossible to (?:say"
    "|tell|know)",
    "(?:i have |i have got |got )?(?:absolutely |honestly |really )?(?:no|not an?"
    "|zero) (?:earthly )?(?:idea|clue)s?",
    "have not (?:a|got a|the) (?:clue|foggiest|faintest)|no (?:one|body) knows|who knows|beats me"
    "|search me",
    "not the (?:foggiest|faintest)|hard to say|missing|(?:information|context) missing|ask me another",
    "(?:you )?got me(?: there)?|(?:i am )?stumped|(?:i )?forgot|(?:i )?can not remember"
    "|never heard of (?:it|him|her|them|that)",
    "anyone's guess|your guess is as good as mine|couldn't tell you|(?:i )?give up|i pass|no comprendo",
    "doesn't say|does not say|not a thing|not in (?:it|here|there|this)|do not have a clue"
    "|no way to (?:know|tell)",
    "that is (?:unknown|unclear)|(?:to be )?unknown to (?:me|us)|(?:i )?wish i knew|no knowledge",
)
_ABOUT = "(?:on|about|of|to|for|with|regarding) (?:that|this|it|him|her|them)(?: one)?"
_TAIL = (
    rf"(?:,? (?:from|in|by|based on|according to|given|within|with) (?:{THE_SOURCE}|passage|text|context"
    r"|this|that|it|here)|[,.]? (?:sorry|honestly|really|tbh|to be honest|mate|man|at this time|here"
    r"|to me|i am afraid"
    rf"|though|at all|unfortunately|pal|friend|either|yet|at present|from this|{_ABOUT})){{0,3}}"
)
WHOLE = re.compile(rf"{_INTRO}(?:{_SUBJECT}[:,]? )?{_CORE}{_TAIL}")
"""A response, or one sentence of it, that is nothing but an abstention."""

BARE = re.compile(
    rf"{_INTRO}(?:none|null|nil|nan|pass|i will pass|skip|blank|empty|\?+|-+|no response|undefined"
    rf"|(?:none|nothing) found"
    r"|missing|tbd|unsure|uncertain|not given|no results?|do not know)(?: on (?:this|that) one)?"
)
"""A response that is nothing but a word that stands for the lack of an answer."""

LABEL = re.compile(
    r"^[\s.]{0,9}(?:(?:a|(?:the |my |final |short )?answer|response|conclusion|verdict|result|output"
    r"|reply)(?: is)?\s?[:.=-]\s?)"
)
"""What may stand before such a word."""

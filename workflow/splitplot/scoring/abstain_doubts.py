"""The words that tell how far a decline goes: a verdict, want of exactness, a doubt, a question back."""

import re

VERDICT = re.compile(
    r"\b(?:unanswerable|not answerable|not enough|insufficient|(?:question|this|it"
    r"|that) (?:therefore )?can not be answered"
    r"|no way (?:for|to|of)|has no answer|no \w{1,12} to give)\b"
)
"""A verdict on the question, which no remark on something else can be."""

HEDGED = re.compile(
    r"\b(?:exact(?:ly)?|precise(?:ly)?|specific(?:ally)?|explicit(?:ly)?|direct(?:ly)?|outright"
    r"|literally|by name"
    r"|for (?:sure|certain)|with certainty|definitive(?:ly)?|clearly|verbatim|in so many words|as such"
    r"|full|complete"
    r"|single|agreed|official|reliable)\b"
)
"""What is declined is exactness: a figure or an inference that follows is the answer."""

UNSURE = re.compile(
    r"\b(?:i|we) (?:am|are) (?:really |honestly |still |afraid i am )?"
    r"(?:not (?:[\w%]{1,20} )?(?:sure|certain|confident|positive)|unsure|uncertain)\b"
    r"|\b(?:premise|question|assumption) (?:\w{1,12} ){0,3}?(?:is|seems|appears|looks|rests|contains"
    r"|relies)(?: to be)?(?: based)?(?: on)? "
    r"(?:\w{1,12} )?(?:wrong|false|mistaken|incorrect|flawed|faulty|misleading|confused|an error)\b"
    r"|\bfalse premise\b|\b(?:contradicts|at odds with|does not support) (?:the|this|that"
    r"|what the) (?:premise|question|assumption)|\btrick question\b|\b(?:question|premise) (?:assumes"
    r"|presupposes|supposes|implies)\b"
    r"|\bmy (?:knowledge|training|training data|information|data)(?: \w{1,12})? (?:ends?|stops?|only"
    r"|goes|does not|cut)"
    r"|\bknowledge cut-?off\b|^not (?:[\w%]{1,12} )?(?:sure|certain)\b|\bhave my doubts\b"
)
"""Doubt of one's knowledge or of the question, which is an abstention only where no answer goes with it."""

CLARIFY = re.compile(
    r"\bin (?:this|the|your) question\b|\b(?:is|was|are) (?:this|that|it) (?:about|from|for)\b"
    r"|\bbe more (?:specific|precise|exact)\b|\b(?:(?:do|did|are|were|would|could|can|will|have) you"
    r"|you (?:mean|referring|asking|talking|looking|thinking|want|have in mind)"
    r"|please (?:clarify|specify|provide|share|tell|give|send|paste|rephrase|let)|(?:is|are) (?:you"
    r"|being asked|meant)"
    r"|(?:clarify|rephrase) (?:the|your|what|which|who))\b"
)
"""In a question back, or a plea: what was asked is not clear."""

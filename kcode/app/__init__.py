"""The composition root: the only room that knows every other one.

`kcode.app.start.open_conversation` is what front ends call. May be imported by front ends alone.
"""

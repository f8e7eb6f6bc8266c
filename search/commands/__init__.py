"""The commands, one file each: `add_arguments` says what it takes, `run` does it.

A command's file imports little; what is heavy is imported when the command is called.
"""

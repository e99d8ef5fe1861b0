"""One function for each thing that can be asked for, whichever door the question came through.

Each gets the workspace, acting as somebody (`Workspace.acting_as`), and typed arguments, and returns a frozen record.
It reads hand edits first and refreshes views after, and nobody else does. It never prints, never reads standard input
or the environment, asks nothing and installs no signal handler; what it has to remark goes to `Workspace.remark`.
"""

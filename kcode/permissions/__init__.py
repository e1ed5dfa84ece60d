"""What a call may do: rules, modes and the reading of shell commands. Pure; nothing here starts a process."""

"""What was asked for, and what became of it: every generation is a task with an owner, a state and an end. Owns `tasks`."""

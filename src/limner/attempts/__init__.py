"""What engines tried and did not manage, for operators. Owns `engine_attempts`."""

"""What the scenes are played with: people, painters that misbehave on purpose, and servers in processes of their own."""

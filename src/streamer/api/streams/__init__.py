"""What a url means, with streams/ beside the rest."""

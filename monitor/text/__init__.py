"""From models to text: sentences, figures, and the forms of each medium."""

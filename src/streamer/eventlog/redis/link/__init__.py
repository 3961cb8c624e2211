"""Redis/ with link/ beneath, memory/ and embedded/."""

"""Bug hunts and mock exams: made from references and known mistakes, so instructors' side only."""

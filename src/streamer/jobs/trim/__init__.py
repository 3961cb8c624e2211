"""One kind of job: a part of a video, cut out by ffmpeg without encoding it again.

Layout:

- `trim`: the job that cuts out the part between two times.
- `copying`: what ffmpeg is asked to copy, and into which container; pure.
"""

__all__ = ["copying", "trim"]

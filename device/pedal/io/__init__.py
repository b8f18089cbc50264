"""Audio paths, one a file: readinto(buf) -> frames on the way in, write(buf, frames) on the way out."""

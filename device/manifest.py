# Freezes the package into a firmware: FROZEN_MANIFEST=.../device/manifest.py
package("pedal")  # noqa: F821 - the manifest language's own

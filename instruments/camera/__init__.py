"""Microscope cameras: a folder of images and HTTP-MJPEG."""

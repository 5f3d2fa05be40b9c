"""Music for video (Langlois, 2019): which of two tracks fits better?"""

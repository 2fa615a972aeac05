"""Time: the only package that imports simpy.  It delivers; it never decides."""

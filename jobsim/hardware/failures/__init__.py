"""What breaks, where and when: renewal clocks of components and domains, as pure data and arithmetic.

``plans`` says what a Scenario may ask for, ``places`` which entities a fleet has, ``renewal`` when each
of them fails next, ``catalogue`` how often parts fail in published fleets.  Time enters as an argument;
the runtime (``runtime.hazards``) sets the timers.
"""

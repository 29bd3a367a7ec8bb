# What nbgrader needs to know on every server of the class.
import os

c = get_config()  # noqa: F821 - nbgrader provides it
c.CourseDirectory.course_id = "diffusion"
c.Exchange.root = os.environ["COURSE_EXCHANGE"]
# Seconds for a cell when a student presses Validate: several share a machine.
c.Execute.timeout = 600
c.Execute.iopub_timeout = 60

"""JupyterHub for one class, made for `make classroom`. docs/hub.md: what a real class changes."""

import os

from grader.hub.classroom import INSTRUCTOR, STUDENTS, Classroom

classroom = Classroom.from_environment()
c = get_config()  # noqa: F821 - JupyterHub provides it

# Addresses: this machine only.
port, hub_port, proxy_port = os.environ["CLASSROOM_PORTS"].split()
c.JupyterHub.bind_url = f"http://127.0.0.1:{port}"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{hub_port}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{proxy_port}"
c.ConfigurableHTTPProxy.command = [os.environ["CLASSROOM_PROXY"]]
c.ConfigurableHTTPProxy.pid_file = str(classroom.state / "proxy.pid")
c.JupyterHub.db_url = f"sqlite:///{classroom.state / 'jupyterhub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(classroom.state / "cookie_secret")

# Who may log in. For a demonstration only: a real class names another authenticator here.
c.JupyterHub.authenticator_class = "grader.hub.parts.DemonstrationAuthenticator"
c.Authenticator.allowed_users = {INSTRUCTOR, *STUDENTS}

# Roles. Nobody may open another one's server. The instructor sees who is there and stops servers.
c.JupyterHub.load_groups = {
    "instructors": {"users": [INSTRUCTOR]},
    "students": {"users": list(STUDENTS)},
}
c.JupyterHub.load_roles = [
    {
        "name": "instructor",
        "groups": ["instructors"],
        "scopes": ["admin-ui", "list:users!group=students", "servers!group=students"],
    },
]

# Each person's own process, user and folder. What a person's server offers is chosen in config/.
c.JupyterHub.spawner_class = "grader.hub.parts.PersonSpawner"
c.Spawner.default_url = "/lab"
c.Spawner.start_timeout = 120
c.Spawner.http_timeout = 120

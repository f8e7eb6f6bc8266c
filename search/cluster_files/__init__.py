"""Files that describe a cluster: what is wrong with one, before anything is started or paid.

Ray's launcher takes files such as `cluster.yaml`, KubeRay takes files of Kubernetes. `checking`
looks through either; each rule has a module of its own, named after what it looks at.
"""

"""What a version is put into so that it runs elsewhere: a container, a Helm chart, an image."""

// Package verify reads what cannot be run in our tests, images, compose and Kubernetes' manifests, with the parsers of the
// programs that do run it. It is a module of its own, because those parsers are large: `make deploy-check`.
package verify

// Package client is the Go client that oapi-codegen makes of edge/openapi.yaml. Its tests use it on a running edge. The client is
// not kept: `make clients` generates it anew.
package client

//go:generate go tool oapi-codegen -generate types,client -package client -o client.gen.go ../../edge/openapi.yaml

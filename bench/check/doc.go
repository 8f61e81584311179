// Package check holds a running edge, and the Redis behind it, to what they promise: it buys, and looks at every
// answer. What it finds is a list of findings, one line each; the command fails if one of them does.
package check

// Package check compares a running edge, and the Redis behind it, with what they promise. It buys, and checks every answer.
// The result is a list of findings, one line each. The command fails if a finding is a failure.
package check

// Package profile takes CPU, mutex, block and heap profiles of a running edge over its admin listener. It saves them and
// shows each as text.
//
// All are taken over the same seconds. Mutex and block profiles are empty unless the edge was started with their rates.
// docs/benchmarks.md says how.
package profile

// Package profile takes CPU, mutex, block and heap profiles of a running edge over its admin listener, saves them
// and opens each as text.
//
// All are taken over the same seconds. Mutex and block profiles are empty unless the edge was started with their
// rates set; how to is in the README.
package profile

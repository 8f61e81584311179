// Package rigtest starts servers of package rig for a test. They end with the test, and are told by their output if it fails.
package rigtest

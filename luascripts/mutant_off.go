//go:build !mutants

package luascripts

const mutants = false

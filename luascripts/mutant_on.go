//go:build mutants

package luascripts

const mutants = true

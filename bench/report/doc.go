// Package report writes a run for people and programs: report.txt, report.md, report.json with every raw sample, and a
// picture, report.svg.
package report

// Package report turns a run into what people and programs read: report.txt, report.md, report.json with every
// raw sample, and a picture, report.svg.
package report

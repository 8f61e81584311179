// Package deploy is what operators put beside Spike: alert rules for Prometheus, and a dashboard for Grafana. Its tests hold them
// against Prometheus' own checks and against the page that says what to do (docs/alerts.md). That alerts fire on real parts is
// tested in cmd/spike.
package deploy

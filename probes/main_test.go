package probes

import (
	"testing"

	"go.uber.org/goleak"
)

// Nothing that a probe starts may outlive it: a run visits thousands of hosts.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

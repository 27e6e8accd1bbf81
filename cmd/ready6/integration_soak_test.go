//go:build integration

package main

import "testing"

// TestSoakProvince is TestSoak with everything that the lab's province has, long
// enough for a slow leak to show.
func TestSoakProvince(t *testing.T) { soak(t, provinceWorld, 50) }

//go:build !linux

package main

// hugePages does nothing: only Linux is asked for them.
func hugePages() {}

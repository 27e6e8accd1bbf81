// Package rpki holds validated ROA payloads (VRPs) and route tables as
// immutable snapshots and validates route origins (RFC 6811).
//
// VRPs come from an RTR cache (RFC 8210) or from the JSON and CSV files that
// relying-party software exports; routes come from MRT table dumps, riswhois
// text or the inventory's own announcements. Everything read here is foreign:
// lengths and types are checked before anything is decoded, and each reader is
// bounded in memory.
//
// Evidence is kept and verdicts are derived from it: a [Validity] lists the
// VRPs that match, that name another origin and that end too early, and its
// State and Reason are methods over these lists. [Judge] does the same for an
// address with all routes that cover it.
package rpki

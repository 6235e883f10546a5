/* libm.so and libdl.so: a library asks for them by name, and finds their functions in the shim's libc.so. */
extern const int edge_export_shim;
const int edge_export_shim = 1;

#include "ring_place.h"

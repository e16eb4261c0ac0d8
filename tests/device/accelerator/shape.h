// Shapes as NumPy has them, and the walk over an array that is seen in another shape.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace xpu {

using Shape = std::vector<int64_t>;

inline int64_t size_of(const Shape& shape) {
  int64_t size = 1;
  for (int64_t length : shape) size *= length;
  return size;
}

// How many elements a step along each axis passes, in an array that lies in C order.
inline Shape strides_of(const Shape& shape) {
  Shape strides(shape.size());
  int64_t stride = 1;
  for (size_t axis = shape.size(); axis-- > 0; stride *= shape[axis]) strides[axis] = stride;
  return strides;
}

// The shape that both can be seen in; false if there is none.
inline bool broadcast(Shape first, Shape second, Shape* out) {
  const size_t rank = std::max(first.size(), second.size());
  first.insert(first.begin(), rank - first.size(), 1);
  second.insert(second.begin(), rank - second.size(), 1);
  out->clear();
  for (size_t axis = 0; axis < rank; ++axis) {
    if (first[axis] != second[axis] && first[axis] != 1 && second[axis] != 1) return false;
    out->push_back(first[axis] == 1 ? second[axis] : first[axis]);
  }
  return true;
}

// Strides by which an array of shape `from` is seen in the shape `to`: none along repeated axes.
inline Shape broadcast_strides(const Shape& from, const Shape& to) {
  Shape strides = strides_of(from);
  for (size_t axis = 0; axis < from.size(); ++axis)
    if (from[axis] == 1) strides[axis] = 0;
  strides.insert(strides.begin(), to.size() - from.size(), 0);
  return strides;
}

// The offsets of an array's elements, in the C order of the shape in which it is seen.
class Offsets {
 public:
  Offsets(Shape shape, Shape strides)
      : shape_(std::move(shape)), strides_(std::move(strides)), index_(shape_.size()) {}

  int64_t next() {
    const int64_t here = offset_;
    for (size_t axis = shape_.size(); axis-- > 0;) {
      offset_ += strides_[axis];
      if (++index_[axis] < shape_[axis]) break;
      offset_ -= strides_[axis] * shape_[axis];
      index_[axis] = 0;
    }
    return here;
  }

 private:
  Shape shape_, strides_, index_;
  int64_t offset_ = 0;
};

}  // namespace xpu

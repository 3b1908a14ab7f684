// Errors as values: Result<T> holds a T or an abi::Error, and REDOUBT_TRY passes an error on.
#pragma once

#include <type_traits>
#include <utility>

#include "abi/error.hpp"

namespace redoubt::kernel {

/// A value or the reason why there is none. T is a small trivially destructible type.
template <class T>
class [[nodiscard]] Result {
    static_assert(std::is_trivially_destructible_v<T>);

  public:
    constexpr Result(T value) : value_{std::move(value)}, error_{abi::Error::Ok} {}
    constexpr Result(abi::Error error) : none_{}, error_{error} {}

    constexpr bool ok() const { return error_ == abi::Error::Ok; }
    constexpr abi::Error error() const { return error_; }
    /// Only meaningful if ok().
    constexpr T& value() { return value_; }
    constexpr const T& value() const { return value_; }

  private:
    struct None {};
    union {
        None none_;
        T value_;
    };
    abi::Error error_;
};

template <>
class [[nodiscard]] Result<void> {
  public:
    constexpr Result() = default;
    constexpr Result(abi::Error error) : error_{error} {}

    constexpr bool ok() const { return error_ == abi::Error::Ok; }
    constexpr abi::Error error() const { return error_; }
    constexpr void value() const {}

  private:
    abi::Error error_ = abi::Error::Ok;
};

}  // namespace redoubt::kernel

/// The value of a Result expression; returns from the enclosing function with its error if there is
/// none.
#define REDOUBT_TRY(expression)                    \
    ({                                             \
        auto redoubt_try_result = (expression);    \
        if (!redoubt_try_result.ok()) [[unlikely]] \
            return redoubt_try_result.error();     \
        redoubt_try_result.value();                \
    })

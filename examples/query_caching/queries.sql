-- name: billing_summary
SELECT l_flag, l_status, SUM(l_quantity) AS quantity, SUM(l_price) AS gross,
       SUM(l_price * (1 - l_discount)) AS net, SUM(l_price * (1 - l_discount) * (1 + l_tax)) AS charged,
       AVG(l_quantity) AS mean_quantity, AVG(l_price) AS mean_price, COUNT(*) AS lines
FROM line
WHERE l_shipped <= DATE '1998-12-01' - INTERVAL '75' DAY
GROUP BY l_flag, l_status
ORDER BY l_flag, l_status;

-- name: cheapest_source
SELECT s_balance, s_name, n_name, p_key, s_phone
FROM part, supplier, stock, nation, region
WHERE p_key = ps_part AND s_key = ps_supplier AND p_size < 25 AND s_nation = n_key AND n_region = r_key
  AND r_name = 'NORTH'
  AND ps_cost = (SELECT MIN(ps_cost) FROM stock, supplier, nation, region
                 WHERE p_key = ps_part AND s_key = ps_supplier AND s_nation = n_key AND n_region = r_key
                   AND r_name = 'NORTH')
ORDER BY s_balance DESC, n_name, s_name, p_key;

-- name: open_orders
SELECT l_order, SUM(l_price * (1 - l_discount)) AS revenue, o_date, o_urgency
FROM customer, orders, line
WHERE c_segment = 'KITCHEN' AND c_key = o_customer AND l_order = o_key
  AND o_date < DATE '1996-06-30' AND l_shipped > DATE '1995-06-01'
GROUP BY l_order, o_date, o_urgency
ORDER BY revenue DESC, o_date, l_order
LIMIT 10;

-- name: late_by_urgency
SELECT o_urgency, COUNT(*) AS orders_late
FROM orders
WHERE o_date >= DATE '1995-01-01' AND o_date < DATE '1997-01-01'
  AND EXISTS (SELECT * FROM line WHERE l_order = o_key AND l_promised < l_received)
GROUP BY o_urgency
ORDER BY o_urgency;

-- name: home_market
SELECT n_name, SUM(l_price * (1 - l_discount)) AS revenue
FROM customer, orders, line, supplier, nation, region
WHERE c_key = o_customer AND l_order = o_key AND l_supplier = s_key AND c_nation = s_nation
  AND s_nation = n_key AND n_region = r_key AND r_name IN ('NORTH', 'EAST')
GROUP BY n_name
ORDER BY revenue DESC, n_name;

-- name: discount_effect
SELECT SUM(l_price * l_discount) AS revenue
FROM line
WHERE l_shipped >= DATE '1996-01-01' AND l_shipped < DATE '1997-01-01'
  AND l_discount BETWEEN 0.03 AND 0.07 AND l_quantity < 30;

-- name: trade_between
SELECT seller, buyer, shipped_in, SUM(volume) AS revenue
FROM (SELECT n1.n_name AS seller, n2.n_name AS buyer, EXTRACT(YEAR FROM l_shipped) AS shipped_in,
             l_price * (1 - l_discount) AS volume
      FROM supplier, line, orders, customer, nation AS n1, nation AS n2
      WHERE s_key = l_supplier AND o_key = l_order AND c_key = o_customer AND s_nation = n1.n_key
        AND c_nation = n2.n_key
        AND ((n1.n_name = 'ARNA' AND n2.n_name = 'BELM') OR (n1.n_name = 'BELM' AND n2.n_name = 'ARNA'))) AS shipping
GROUP BY seller, buyer, shipped_in
ORDER BY seller, buyer, shipped_in;

-- name: market_share
SELECT ordered_in, SUM(CASE WHEN country = 'ARNA' THEN volume ELSE 0 END) / SUM(volume) AS share
FROM (SELECT EXTRACT(YEAR FROM o_date) AS ordered_in, l_price * (1 - l_discount) AS volume, n2.n_name AS country
      FROM part, supplier, line, orders, customer, nation AS n1, nation AS n2, region
      WHERE p_key = l_part AND s_key = l_supplier AND l_order = o_key AND o_customer = c_key
        AND c_nation = n1.n_key AND n1.n_region = r_key AND r_name = 'NORTH' AND s_nation = n2.n_key
        AND p_kind <> 'STEEL BOLT') AS trade
GROUP BY ordered_in
ORDER BY ordered_in;

-- name: profit_by_year
SELECT country, ordered_in, SUM(amount) AS profit
FROM (SELECT n_name AS country, EXTRACT(YEAR FROM o_date) AS ordered_in,
             l_price * (1 - l_discount) - ps_cost * l_quantity AS amount
      FROM part, supplier, line, stock, orders, nation
      WHERE s_key = l_supplier AND ps_supplier = l_supplier AND ps_part = l_part AND p_key = l_part
        AND o_key = l_order AND s_nation = n_key AND p_name LIKE '%green%') AS profits
GROUP BY country, ordered_in
ORDER BY country, ordered_in DESC;

-- name: returns
SELECT c_key, c_name, SUM(l_price * (1 - l_discount)) AS revenue, c_balance, n_name
FROM customer, orders, line, nation
WHERE c_key = o_customer AND l_order = o_key AND l_flag = 'R' AND c_nation = n_key
GROUP BY c_key, c_name, c_balance, n_name
ORDER BY revenue DESC, c_key
LIMIT 20;

-- name: valuable_stock
SELECT ps_part, SUM(ps_cost * ps_available) AS worth
FROM stock, supplier, nation
WHERE ps_supplier = s_key AND s_nation = n_key AND n_name = 'ARNA'
GROUP BY ps_part
HAVING SUM(ps_cost * ps_available) > (SELECT SUM(ps_cost * ps_available) * 0.05
                                      FROM stock, supplier, nation
                                      WHERE ps_supplier = s_key AND s_nation = n_key AND n_name = 'ARNA')
ORDER BY worth DESC, ps_part;

-- name: modes_and_urgency
SELECT l_mode, SUM(CASE WHEN o_urgency = '1-HIGH' OR o_urgency = '2-SOON' THEN 1 ELSE 0 END) AS urgent,
       SUM(CASE WHEN o_urgency <> '1-HIGH' AND o_urgency <> '2-SOON' THEN 1 ELSE 0 END) AS other
FROM orders, line
WHERE o_key = l_order AND l_mode IN ('RAIL', 'SHIP') AND l_promised < l_received AND l_shipped < l_promised
GROUP BY l_mode
ORDER BY l_mode;

-- name: orders_per_customer
SELECT order_count, COUNT(*) AS customers
FROM (SELECT c_key, COUNT(o_key) AS order_count
      FROM customer LEFT OUTER JOIN orders ON c_key = o_customer AND o_note NOT LIKE '%special%'
      GROUP BY c_key) AS c_orders
GROUP BY order_count
ORDER BY customers DESC, order_count DESC;

-- name: promotion_share
SELECT 100.0 * SUM(CASE WHEN p_kind LIKE 'BRASS%' THEN l_price * (1 - l_discount) ELSE 0 END)
       / SUM(l_price * (1 - l_discount)) AS share
FROM line, part
WHERE l_part = p_key AND l_shipped >= DATE '1995-03-01' AND l_shipped < DATE '1997-03-01';

-- name: best_supplier
WITH revenue (supplier_key, total) AS (
  SELECT l_supplier, SUM(l_price * (1 - l_discount))
  FROM line
  WHERE l_shipped >= DATE '1996-01-01' AND l_shipped < DATE '1997-01-01'
  GROUP BY l_supplier)
SELECT s_key, s_name, s_phone, total
FROM supplier, revenue
WHERE s_key = supplier_key AND total = (SELECT MAX(total) FROM revenue)
ORDER BY s_key;

-- name: parts_and_sources
SELECT p_brand, p_kind, p_size, COUNT(DISTINCT ps_supplier) AS sources
FROM stock, part
WHERE p_key = ps_part AND p_brand <> 'Brand#2' AND p_kind NOT LIKE 'STEEL%' AND p_size IN (5, 10, 15, 20, 25, 30)
  AND ps_supplier NOT IN (SELECT s_key FROM supplier WHERE s_note LIKE '%complaint%')
GROUP BY p_brand, p_kind, p_size
ORDER BY sources DESC, p_brand, p_kind, p_size;

-- name: small_lots
SELECT SUM(l_price) / 7.0 AS per_week
FROM line, part
WHERE p_key = l_part AND p_brand = 'Brand#3'
  AND l_quantity < (SELECT 0.8 * AVG(l_quantity) FROM line WHERE l_part = p_key);

-- name: large_orders
SELECT c_name, c_key, o_key, o_date, o_total, SUM(l_quantity) AS quantity
FROM customer, orders, line
WHERE o_key IN (SELECT l_order FROM line GROUP BY l_order HAVING SUM(l_quantity) > 120)
  AND c_key = o_customer AND o_key = l_order
GROUP BY c_name, c_key, o_key, o_date, o_total
ORDER BY o_total DESC, o_date, o_key;

-- name: three_offers
SELECT SUM(l_price * (1 - l_discount)) AS revenue
FROM line, part
WHERE (p_key = l_part AND p_brand = 'Brand#1' AND p_box IN ('BAG', 'CRATE') AND l_quantity BETWEEN 1 AND 20
       AND p_size BETWEEN 1 AND 30 AND l_mode IN ('RAIL', 'TRUCK'))
   OR (p_key = l_part AND p_brand = 'Brand#2' AND p_box IN ('DRUM', 'CRATE') AND l_quantity BETWEEN 10 AND 30
       AND p_size BETWEEN 1 AND 30 AND l_mode IN ('RAIL', 'TRUCK'))
   OR (p_key = l_part AND p_brand = 'Brand#3' AND p_box IN ('BAG', 'DRUM') AND l_quantity BETWEEN 20 AND 40
       AND p_size BETWEEN 1 AND 30 AND l_mode IN ('RAIL', 'TRUCK'));

-- name: surplus_suppliers
SELECT s_name, s_phone
FROM supplier, nation
WHERE s_key IN (SELECT ps_supplier FROM stock
                WHERE ps_part IN (SELECT p_key FROM part WHERE p_name LIKE 'green%')
                  AND ps_available > (SELECT 0.5 * SUM(l_quantity) FROM line
                                      WHERE l_part = ps_part AND l_supplier = ps_supplier))
  AND s_nation = n_key AND n_name IN ('ARNA', 'BELM', 'CORA')
ORDER BY s_name;

-- name: sole_culprit
SELECT s_name, COUNT(*) AS waiting
FROM supplier, line AS l1, orders, nation
WHERE s_key = l1.l_supplier AND o_key = l1.l_order AND o_status = 'F' AND l1.l_received > l1.l_promised
  AND EXISTS (SELECT * FROM line AS l2 WHERE l2.l_order = l1.l_order AND l2.l_supplier <> l1.l_supplier)
  AND NOT EXISTS (SELECT * FROM line AS l3 WHERE l3.l_order = l1.l_order AND l3.l_supplier <> l1.l_supplier
                    AND l3.l_received > l3.l_promised)
  AND s_nation = n_key AND n_name IN ('ARNA', 'BELM', 'CORA', 'DUNE')
GROUP BY s_name
ORDER BY waiting DESC, s_name;

-- name: sleeping_customers
SELECT prefix, COUNT(*) AS customers, SUM(c_balance) AS balance
FROM (SELECT SUBSTRING(c_phone, 1, 2) AS prefix, c_balance
      FROM customer
      WHERE SUBSTRING(c_phone, 1, 2) IN ('11', '13', '15', '17')
        AND c_balance > (SELECT AVG(c_balance) FROM customer
                         WHERE c_balance > 0.00 AND SUBSTRING(c_phone, 1, 2) IN ('11', '13', '15', '17'))
        AND NOT EXISTS (SELECT * FROM orders WHERE o_customer = c_key)) AS sleepers
GROUP BY prefix
ORDER BY prefix;
